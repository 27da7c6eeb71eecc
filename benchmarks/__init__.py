"""Side-by-side measurements: what django-deploykit costs against what people use today."""
