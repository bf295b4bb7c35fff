/* For an elapsed time above 0 in units of 2^-20. */
static inverse_length inverse_of(uint32_t elapsed_time) {
    if (elapsed_time > 0x7fffffffu) elapsed_time = 0x7fffffffu;
    inverse_length found;
    int bits;
    found.mantissa = LENGTHENED((uint32_t)reciprocal(elapsed_time, &bits) * UNFOLDS);
    found.down = 34 - bits;
    return found;
}
