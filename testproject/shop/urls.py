"""The addresses of the shop."""

from django.contrib import admin
from django.urls import path

from shop import views

urlpatterns = [
    path("", views.home, name="home"),
    path("order/<int:product>", views.order, name="order"),
    path("up", views.up, name="up"),
    path("office/", admin.site.urls),
]
