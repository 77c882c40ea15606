"""The compiled half of the codec: functions that Numba turns into machine code, and the arrays they share.

Everything here works on whole arrays and integers, keeps no state of its own, and neither raises nor prints: a fault is
a code in the state array (`jpegdomain.codec.fault_messages` has its message).
"""
