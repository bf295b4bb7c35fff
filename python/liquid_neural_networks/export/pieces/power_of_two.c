/* 2^y, limited to y from -125 to 126, where both the result and its inverse are normal numbers; NaN
 * counts as -125. */
static inline float power_of_two(float y) {
    if (!(y > -125.0f)) y = -125.0f;
    if (y > 126.0f) y = 126.0f;
    return power_within(y);
}
