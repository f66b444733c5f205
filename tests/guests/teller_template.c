/* teller_template.c - the teller, which says what it will touch. */
#define TELLER_TEMPLATE
#include "teller.c"
