"""Measurements that anybody can repeat: each prints its command, n, hardware and versions beside the figure."""
