"""Settings of an API without pages. DATABASE_URL has the database, KHALA_KEYRING the keyring."""

import os
import secrets

from psycopg.conninfo import conninfo_to_dict

_database = conninfo_to_dict(os.environ["DATABASE_URL"])

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _database.get("dbname"),
        "USER": _database.get("user"),
        "PASSWORD": _database.get("password"),
        "HOST": _database.get("host"),
        "PORT": _database.get("port"),
        # It has the schema of Khala: createdb shop_template, and khala migrate on it.
        "TEST": {"TEMPLATE": os.environ.get("TEST_TEMPLATE", "shop_template")},
    }
}
KHALA_KEYRING = os.environ["KHALA_KEYRING"]

INSTALLED_APPS = ["shop"]
ROOT_URLCONF = "shop.urls"
# Nothing is signed with it here, so each process may have its own.
SECRET_KEY = secrets.token_urlsafe()
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
