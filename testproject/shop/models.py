"""What the shop sells, and to whom."""

from django.db import models


class Product(models.Model):
    """An article with a price in cents."""

    name = models.CharField(max_length=100, unique=True)
    price = models.PositiveIntegerField()
    stock = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["name"]

    def __str__(self):
        return self.name

    @property
    def cost(self):
        """The price as shops write it, 24.00."""
        return f"{self.price // 100}.{self.price % 100:02}"


class Order(models.Model):
    """An order of one product."""

    product = models.ForeignKey(Product, models.PROTECT)
    amount = models.PositiveIntegerField(default=1)
    email = models.EmailField()
    placed = models.DateTimeField(auto_now_add=True)

    def __str__(self):
        return f"{self.amount} x {self.product}"
