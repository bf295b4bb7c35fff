/* e^x, limited to 2^-126 .. 2^127 */
static float exponential(float x) { return power_of_two(1.44269504f * x); }
