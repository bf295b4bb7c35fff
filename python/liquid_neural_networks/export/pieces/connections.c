/* Weighted connections: those to neuron i are number start[i] to start[i + 1] - 1. */
typedef struct {
    const FLASH synapse_number *start;
    const FLASH sender_number *from;
    const FLASH float *weight;
} connections;
