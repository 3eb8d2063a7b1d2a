"""What staff see: the admin site, its lists, its navigation, and how people sign in."""
