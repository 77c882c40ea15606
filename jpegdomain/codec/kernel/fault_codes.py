"""The fault codes; `jpegdomain.codec.fault_messages` has a message for each."""

NO_FAULT = 0

# Markers and segments.
NOT_JPEG, NO_MARKER, MISPLACED_MARKER, RESERVED_MARKER, BAD_LENGTH = range(1, 6)
ENDS_IN_SEGMENT, ENDS_BEFORE_EOI, NO_IMAGE = range(6, 9)

# The frame header, and DNL.
KIND_NOT_READ, FRAME_LENGTH, PRECISION_NOT_READ, BAD_PRECISION, NO_COMPONENTS, MANY_COMPONENTS = range(10, 16)
NO_WIDTH, NO_HEIGHT, SAME_IDENTIFIER, BAD_FACTOR, SECOND_FRAME, DNL_LENGTH, OTHER_HEIGHT = range(16, 23)

# Tables, restart intervals, arithmetic conditioning.
BAD_STEPS_SLOT, STEPS_LENGTH, ZERO_STEP, BAD_HUFFMAN_SLOT, HUFFMAN_LENGTH, TOO_MANY_CODES = range(30, 36)
BAD_CATEGORY, INTERVAL_LENGTH, CONDITIONING_LENGTH, BAD_CONDITIONING = range(36, 40)

# Scan headers.
SCAN_BEFORE_FRAME, SCAN_LENGTH, SCAN_COMPONENTS, LARGE_MCU, BAD_BAND, AC_BEFORE_DC, DISCONTINUED = range(40, 47)
NO_HUFFMAN, STANDARD_TABLES, NO_STEPS, TOO_MANY_SCANS, REPEATED_SCAN, COMPONENT_MISSING, BITS_MISSING = range(47, 54)

# Entropy-coded data. NO_RESTART: there is another marker, or the end, where a restart marker is due. LOST_BEFORE: a
# scan refines what an earlier one lost.
TOO_SHORT, BAD_CODE, BAD_DECISIONS, DATA_ENDS_EARLY, DATA_LEFT_OVER, FILE_ENDS_EARLY = range(60, 66)
NO_RESTART, LOST_BEFORE = range(66, 68)

# Entry points: the data is not what was indexed, or does not lead there. It has no message here; Python has its own.
WRONG_ENTRY = 70
