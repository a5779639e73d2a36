# /etc/sallyport/helper.hcl: read by sallyport-helper and pam_sallyport.so on
# each target host. It must belong to root and be writable by root alone.

vault_addr      = "https://sallyport.example.net:8200"
ssh_mount_point = "ssh"

# The authority of the server's certificate; without it the system's roots.
ca_cert = "/etc/sallyport/ca.pem"

# Roles whose passwords this host takes, or "*". Empty refuses every login.
allowed_roles = "otp-web"

# Addresses that are this host although no interface has them (NAT).
# allowed_cidr_list = "203.0.113.40/32"

# Seconds for everything under pam_exec; the module's line has timeout=.
# timeout_seconds = 10
