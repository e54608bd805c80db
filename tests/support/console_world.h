// A console's dialog with a box behind it, for tests: keys go in, the grid is read, requests come
// out.
#pragma once

#include "appliance/console/dialog_private.h"

extern struct dialog dialog;
extern struct console_view view; // what the box is like; a test changes it
extern struct grid page, grid;
extern struct console_request request; // the last one
extern int requests;                   // how many

// An ordinary box, on a screen of that size; no requests yet.
void world_begin(const char *language, int columns, int rows);
void press(int key);
void type(const char *text);
void erase(void); // the whole of an entry
// The rows, each with its line break; blanks at the ends are kept. Valid until the next call.
const char *screen(void);
// Checks, which tell the screen where they fail.
bool shows(const char *text);
bool hides(const char *text);
