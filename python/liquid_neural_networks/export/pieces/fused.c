/* The state x a time h later: a semi-implicit step of Euler's, stable for any h. */
static float moved(float x, flow f, float h) { return (x + h * f.drive) / (1.0f + h * f.rate); }
