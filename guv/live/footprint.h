/*
 * footprint.h - memory that a start needs and a quiet guv does not.
 */
#ifndef GUV_LIVE_FOOTPRINT_H
#define GUV_LIVE_FOOTPRINT_H

/*
 * Gives back what was used so far and can be had again: free heap, and the pages of code and
 * constants of program and libraries, which come back from the page cache as they are touched.
 * Linking and starting some forty libraries maps 11 MB of them; polls then touch less than 4.
 */
void footprint_trim(void);

#endif
