/*
 * verdict.c - see verdict.h.
 */
#include "verdict.h"

struct verdict verdict_of_status(long status)
{
    /* 408 Request Timeout, 425 Too Early, 429 Too Many Requests: the next try may go better. */
    if (status >= 500 || status == 408 || status == 425 || status == 429)
        return (struct verdict){FETCH_UNREACHABLE, true, NULL};
    if (status >= 400)
        return (struct verdict){FETCH_NOT_FOUND, false, NULL};
    /* Another 2xx is not the whole picture as it is kept there, and a 3xx that leads nowhere none.
     */
    return (struct verdict){FETCH_UNREACHABLE, false, NULL};
}

struct verdict verdict_of_curl(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return (struct verdict){FETCH_UNREACHABLE, true, "the host has no address"};
    case CURLE_COULDNT_CONNECT:
        return (struct verdict){FETCH_UNREACHABLE, true, "the server takes no connection"};
    case CURLE_PEER_FAILED_VERIFICATION:
        return (struct verdict){FETCH_UNREACHABLE, false, "the server's certificate is not valid"};
    case CURLE_SSL_CONNECT_ERROR:
        return (struct verdict){FETCH_UNREACHABLE, true, "no secure connection to the server"};
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        return (struct verdict){FETCH_UNREACHABLE, true, "the answer was cut short"};
    case CURLE_GOT_NOTHING:
        return (struct verdict){FETCH_UNREACHABLE, true, "the server hung up without an answer"};
    case CURLE_UNSUPPORTED_PROTOCOL: /* libcurl's word for an answer without a status line */
    case CURLE_WEIRD_SERVER_REPLY:
        return (struct verdict){FETCH_UNREACHABLE, true, "the answer is not HTTP"};
    case CURLE_BAD_CONTENT_ENCODING:
        return (struct verdict){FETCH_UNREACHABLE, true, "the answer is malformed"};
    case CURLE_OUT_OF_MEMORY:
        return (struct verdict){FETCH_INTERNAL, true, "the service is short of memory"};
    default:
        return (struct verdict){FETCH_UNREACHABLE, true, "the transfer failed"};
    }
}
