"""Alembic migrations. Each stands for itself: it imports nothing from the tables of today."""
