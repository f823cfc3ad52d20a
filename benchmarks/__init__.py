"""What is measured, and against whom: `make bench`. Nothing here is asserted by a clock."""
