/* The inverse of a step's length, mantissa 2^shift, for an elapsed time above 0 in units of 2^-20. */
static uint32_t inverse_of(uint32_t elapsed_time, int *shift) {
    if (elapsed_time > 0x7fffffffu) elapsed_time = 0x7fffffffu;
    const int bits = bits_above(elapsed_time);
    *shift = bits - 27;
    return (uint32_t)reciprocal((uint16_t)(elapsed_time << bits >> 16)) * UNFOLDS;
}
