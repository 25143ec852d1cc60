// A certificate of nobody for localhost, bucket.test, 127.0.0.1 and ::1, signed by itself and valid for a century.
// openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 36500 -subj "/CN=Coldframe test"
//   -addext "subjectAltName=DNS:localhost,DNS:bucket.test,IP:127.0.0.1,IP:::1"

export const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBxjCCAWygAwIBAgIUcW+HFWkv1s7cuLAa596pfZjPmGUwCgYIKoZIzj0EAwIw
GTEXMBUGA1UEAwwOQ29sZGZyYW1lIHRlc3QwIBcNMjYxMTIzMTM1NjI1WhgPMjEy
NjEwMzAxMzU2MjVaMBkxFzAVBgNVBAMMDkNvbGRmcmFtZSB0ZXN0MFkwEwYHKoZI
zj0CAQYIKoZIzj0DAQcDQgAEUJ4r9vlrzbQn6QVIidQbTuRN/vticjB8t3IfUTWy
8PtLB005JBgrMcRlVlmjGZMzmLPte8r1K18ebt0IYW/k0aOBjzCBjDAdBgNVHQ4E
FgQUuxgQDY+xtaD+V2BsYFZ+rP9BQR0wHwYDVR0jBBgwFoAUuxgQDY+xtaD+V2Bs
YFZ+rP9BQR0wDwYDVR0TAQH/BAUwAwEB/zA5BgNVHREEMjAwgglsb2NhbGhvc3SC
C2J1Y2tldC50ZXN0hwR/AAABhxAAAAAAAAAAAAAAAAAAAAABMAoGCCqGSM49BAMC
A0gAMEUCIF1aJHaudswue49FajyaFJVBpeGNr83a1/JsspumK8TIAiEA9+xBKMqM
gTQ/SUPt7GZ63iKRDpKCydgtLOKXu5l3wB0=
-----END CERTIFICATE-----
`;

/** Protects nothing. */
export const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg4FmWsOeMPg5Prnoj
2cvkwBiOR7RpA8ZI11itJ7ypv4ShRANCAARQniv2+WvNtCfpBUiJ1BtO5E3++2Jy
MHy3ch9RNbLw+0sHTTkkGCsxxGVWWaMZkzOYs+17yvUrXx5u3Qhhb+TR
-----END PRIVATE KEY-----
`;
