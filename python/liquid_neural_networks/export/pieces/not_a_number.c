/* NaN: nothing is known. */
static float not_a_number(void) {
    number n;
    n.bits = 0x7fc00000u;
    return n.value;
}
