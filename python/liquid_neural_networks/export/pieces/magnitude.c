/* |x| */
static float magnitude(float x) { return x < 0.0f ? -x : x; }
