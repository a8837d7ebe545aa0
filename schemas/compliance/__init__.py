"""Compliance: what is known of providers, what organisations demand of them, and reports that are verified offline."""
