"""The pages of the shop."""

import os

from django.conf import settings
from django.db import connection
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from shop.models import Order, Product


@require_GET
def home(request):
    """List what is for sale."""
    return render(
        request,
        "shop/home.html",
        {
            "products": Product.objects.all(),
            "currency": settings.SHOP_CURRENCY,
            "release": os.environ.get("DEPLOYKIT_RELEASE", "working copy"),
        },
    )


@require_POST
def order(request, product):
    """Place an order."""
    found = get_object_or_404(Product, pk=product)
    Order.objects.create(product=found, email=request.POST.get("email", ""))
    return redirect("home")


@require_GET
def up(request):
    """Say that the process answers and reaches its database."""
    connection.ensure_connection()
    return HttpResponse("up\n", content_type="text/plain")
