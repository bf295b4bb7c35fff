/* A step of length h: a semi-implicit one of Euler's, (x + h drive) / (1 + h rate), stable for any h. */
static line line_of(flow f, float h) {
    line found;
    found.keep = 1.0f / (1.0f + h * f.rate);
    found.gain = h * f.drive * found.keep;
    return found;
}
