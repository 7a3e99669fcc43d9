// What the stages count and collect report to the host.

layout(set = 0, binding = 3) coherent buffer Report {
    uint distinct; // colours in the table
    uint lost;     // not 0: a colour found no slot, and counting was given up; or the list has no room
    uint listed;   // entries that collect wrote
    uint counted;   // pixels of all colours in the table
    uint colorless; // pixels without a colour; not where only wanted colours are counted
    uint entries[]; // three words each: a slot, a pixel that has its colour, the colour's pixels
} report;
