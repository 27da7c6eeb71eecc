"""Branch coverage of the unit, integration and lab tiers together, and of all processes they start.

``DEPLOYKIT_COVERAGE`` names the folder for the data; without it nothing is measured. No code of the
package knows of it: the Pythons that run the package in tests start coverage by themselves
(``pythons.py``) when they import measured code (``hook.py``).
"""
