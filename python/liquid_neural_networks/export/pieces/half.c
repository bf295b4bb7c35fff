/* The float of a half-precision number, exactly: its exponent counts from another zero. */
static float of_half(uint16_t half) {
    number n;
    n.bits = (uint32_t)(half & 0x7fffu) << 13;
    n.value *= 5.19229686e33f; /* 2^112 */
    n.bits |= (uint32_t)(half & 0x8000u) << 16;
    return n.value;
}
