/* The state x a time h later: an explicit step of Euler's. */
static float moved(float x, flow f, float h) { return x + h * (f.drive - f.rate * x); }
