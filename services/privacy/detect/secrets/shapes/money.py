"""Keys of payments, shops and shipping. Keys that the service calls publishable are not secrets and are not here."""

from typing import Final

from services.privacy.detect.secrets.shapes.shape import Shape

_UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"

MONEY: Final[tuple[Shape, ...]] = (
    Shape("stripe-secret", r"sk_(?:live|test|prod)_[A-Za-z0-9]{16,}", sure=0.98),
    Shape("stripe-restricted", r"rk_(?:live|test|prod)_[A-Za-z0-9]{16,}", sure=0.98),
    Shape("stripe-webhook", r"whsec_[A-Za-z0-9+/]{24,64}={0,2}", sure=0.97),
    Shape("square-access", r"EAAA[\w-]{60}", sure=0.96),
    Shape("square-personal", r"sq0atp-[\w-]{22}", sure=0.98),
    Shape("square-oauth-secret", r"sq0csp-[\w-]{43}", sure=0.98),
    Shape("braintree", r"access_token\$(?:production|sandbox)\$[a-z0-9]{16}\$[a-f0-9]{32}", sure=0.99),
    Shape("razorpay", r"rzp_(?:live|test)_[A-Za-z0-9]{14}"),
    Shape("mollie", r"(?:live|test)_[A-Za-z0-9]{30}", sure=0.85, near=("mollie*",)),
    Shape("gocardless", r"live_[\w=-]{40}", sure=0.85, near=("gocardless*",)),
    Shape("plaid", rf"access-(?:sandbox|development|production)-{_UUID}", sure=0.98),
    Shape("flutterwave", r"FLWSECK(?:_TEST)?-[A-Za-z0-9]{32}-X", sure=0.99),
    Shape("flutterwave-encryption", r"FLWSECK_TEST[A-Za-z0-9]{12}"),
    Shape("shopify-access", r"shpat_[a-fA-F0-9]{32}", sure=0.99),
    Shape("shopify-custom-app", r"shpca_[a-fA-F0-9]{32}", sure=0.99),
    Shape("shopify-private-app", r"shppa_[a-fA-F0-9]{32}", sure=0.99),
    Shape("shopify-shared-secret", r"shpss_[a-fA-F0-9]{32}", sure=0.99),
    Shape("shopify-user", r"shp(?:ua|tka|rt)_[a-fA-F0-9]{32}", sure=0.99),
    Shape("easypost", r"EZ[AT]K[A-Za-z0-9]{54}", sure=0.98),
    Shape("shippo", r"shippo_(?:live|test)_[a-fA-F0-9]{40}", sure=0.99),
    Shape("duffel", r"duffel_(?:live|test)_[\w=-]{43}", sure=0.99),
    Shape("lob", r"(?:live|test)_[a-f0-9]{35}", sure=0.9, near=("lob*",)),
    Shape("paddle", r"pdl_(?:live|sdbx)_apikey_[a-z0-9]{26}_[A-Za-z0-9]{22}_[A-Za-z0-9]{3}", sure=0.99),
    Shape("paystack", r"sk_(?:live|test)_[a-f0-9]{40}", sure=0.98),
    Shape("checkout-com", r"sk_(?:sbox_)?[a-z0-9]{26,28}[*#$=a-z0-9]", sure=0.85, near=("checkout*",)),
    Shape("adyen", r"AQE[a-z]hmf[A-Za-z0-9+/=-]{60,}", sure=0.97),
    Shape("extended-private-key", r"[xyz]prv[1-9A-HJ-NP-Za-km-z]{107}", sure=0.99),
    Shape("revolut", r"oa_(?:prod|sand)_[\w-]{43}"),
    Shape("polar", r"polar_(?:oat|pat|at_u|at_o)_[\w-]{36,60}"),
)
