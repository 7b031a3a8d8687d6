"""The page of a kind of run without a file of its own: the menu has one for each, told apart by their addresses."""

from pages.components import kind, menu

kind.page(menu.current().kind)
