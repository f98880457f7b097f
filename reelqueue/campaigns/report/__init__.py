"""How problems, plans and rehearsals are shown."""
