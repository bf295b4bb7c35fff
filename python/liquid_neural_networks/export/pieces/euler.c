/* A step of length h: an explicit one of Euler's, x + h (drive - rate x). */
static line line_of(flow f, float h) {
    line found;
    found.keep = 1.0f - h * f.rate;
    found.gain = h * f.drive;
    return found;
}
