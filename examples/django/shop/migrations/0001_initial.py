from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Order",
            fields=[
                ("id", models.BigAutoField(primary_key=True)),
                ("org", models.TextField()),
                ("item", models.TextField()),
                ("quantity", models.PositiveIntegerField()),
                ("state", models.TextField(default="new")),
            ],
        ),
        # The login that migrates is a member of khala_dba, the one that serves of khala_runtime.
        migrations.RunSQL(
            "SELECT khala.register_topic('shop.orders')", "SELECT khala.remove_topic('shop.orders')"
        ),
    ]
