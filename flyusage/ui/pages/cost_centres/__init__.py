"""The part of the settings that says which cost centre each app belongs to, from which month on."""
