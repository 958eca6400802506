"""Saved views: the list, and the explorer's menu of them."""
