# /etc/sallyport/sallyport.hcl: the configuration of sallyportd.
# Mode 0640, root:sallyport. After a change: systemctl reload sallyport, which
# names what needs a restart instead. docs/operations.md tells the rest.

storage "sqlite" {
  path = "/var/lib/sallyport/store.db"
}

# Starts unsealed, at the price of a key on this machine. Without it each start
# waits for `sallyport operator unseal`.
# seal "file" {
#   path = "/etc/sallyport/unseal.key"
# }

# What the network sees. Put the certificate there before the first start.
listener "tcp" {
  address       = "0.0.0.0:8200"
  tls_cert_file = "/etc/sallyport/tls.crt"
  tls_key_file  = "/etc/sallyport/tls.key"
}

# For administration on this machine.
listener "unix" {
  path = "/run/sallyport/admin.sock"
}

# Audit files may only be written below these.
audit_directories = ["/var/log/sallyport"]
