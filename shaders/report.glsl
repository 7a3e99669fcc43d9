// What the stages count and collect report to the host.

layout(set = 0, binding = 3) coherent buffer Report {
    uint distinct; // colours that found a slot
    uint lost;     // runs of pixels that found none, or no longer looked: the table is too small
    uint listed;   // entries that collect wrote
} report;
