#include <sqlite3.h>

/* sqlite3_config takes a variable number of arguments, which Swift cannot call. To be called before the library is used; returns its result
   code. */
static inline int usher_sqlite_keep_no_memory_statistics(void) { return sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); }
