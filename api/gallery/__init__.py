"""The gallery of a campaign: every clip on one page, served or as a folder, and a contact sheet to print."""
