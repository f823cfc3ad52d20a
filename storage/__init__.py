"""Rows, queries and migrations; SQLModel, SQLAlchemy and Alembic live here only."""
