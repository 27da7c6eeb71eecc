"""Fill the shelves."""

from django.core.management.base import BaseCommand

from shop.models import Product

STOCK = {"Teapot": 2400, "Cup": 700, "Kettle": 3900}


class Command(BaseCommand):
    help = "Put ten pieces of every article on the shelves."

    def handle(self, **options):
        for name, price in STOCK.items():
            product, _ = Product.objects.get_or_create(name=name, defaults={"price": price})
            product.stock = 10
            product.save(update_fields=["stock"])
        self.stdout.write(f"{len(STOCK)} articles restocked")
