#ifndef USHER_CLEANSE_H
#define USHER_CLEANSE_H
#include <stddef.h>

/* The one function of libcrypto that the model needs: it overwrites memory and is never optimised away.
   Declared here so that the model sees nothing else of OpenSSL. */
void OPENSSL_cleanse(void *ptr, size_t len);

#endif
