"""Files of four components, CMYK and YCCK."""
