static float phi(float y) { return sigmoid(y); }
