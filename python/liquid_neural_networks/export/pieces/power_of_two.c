/* 2^y = 2^n 2^r with n an integer and |r| <= 1/2; relative error below 2e-7. Limited to y from -126 to
 * 127, where both the result and its inverse are normal numbers; NaN counts as -126. */
static float power_of_two(float y) {
    if (!(y > -126.0f)) y = -126.0f;
    if (y > 127.0f) y = 127.0f;
    const int n = (int)(y + 126.5f) - 126; /* truncation of what is positive: rounds y */
    const float r = y - (float)n;
    number power;
    power.bits = (uint32_t)(n + 127) << 23;
    const float p = (((0.00132647273f * r + 0.00967151299f) * r + 0.0555073358f) * r +
                     0.240222424f) * r + 0.693147004f;
    return power.value * (p * r + 1.0f);
}
