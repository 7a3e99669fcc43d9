// What the stages count and collect report to the host.

layout(set = 0, binding = 3) buffer Report {
    uint distinct; // colours that found a slot
    uint lost;     // runs of pixels whose colour found none: the table is too small
    uint listed;   // entries that collect wrote
} report;
