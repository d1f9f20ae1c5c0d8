"""The merchant's catalogue of products and variants, and how items of feeds are connected to it."""
