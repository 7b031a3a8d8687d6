"""The page of a distiller without a file of its own: the menu has one for each, told apart by their addresses."""

from pages.components import menu, method

method.page(menu.current().method)
