"""Writes rules as queries of other systems, by the back ends of pySigma in an environment that has them."""
